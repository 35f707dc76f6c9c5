<?php

declare(strict_types=1);

namespace CediMart;

use RuntimeException;

/** The orders, in one file that is locked while it is read or written. */
final class Orders
{
    private const FIRST = ['id' => 42, 'name' => 'Grace', 'lines' => [['name' => 'Teapot', 'quantity' => 1, 'price' => 2490]], 'total' => 2490];

    /** @param list<array{name: string, quantity: int, price: int}> $lines */
    public static function place(string $name, array $lines, int $total): int
    {
        return self::locked(function (array &$orders) use ($name, $lines, $total): int {
            $id = max(array_keys($orders)) + 1;
            $orders[$id] = ['id' => $id, 'name' => iconv_substr($name, 0, 80, 'UTF-8'), 'lines' => $lines, 'total' => $total];
            return $id;
        });
    }

    /** @return array{id: int, name: string, lines: list<array{name: string, quantity: int, price: int}>, total: int}|null */
    public static function find(int $id): ?array
    {
        return self::locked(fn (array &$orders): ?array => $orders[$id] ?? null);
    }

    /** Gives the orders, by number, to $work under the lock, and keeps what it changed. */
    private static function locked(callable $work): mixed
    {
        $folder = getenv('CEDI_MART_STATE') ?: '/var/lib/cedi-mart';
        if (!is_dir($folder)) {
            @mkdir($folder, 0750, true);
        }
        $file = @fopen("$folder/orders.json", 'c+');
        if ($file === false || !flock($file, LOCK_EX)) {
            throw new RuntimeException("$folder/orders.json cannot be opened");
        }
        $text = (string) stream_get_contents($file);
        $before = $text === '' ? [42 => self::FIRST] : json_decode($text, true, 16, JSON_THROW_ON_ERROR);
        $after = $before;
        $answer = $work($after);
        if ($text === '' || $after !== $before) {
            rewind($file);
            ftruncate($file, 0);
            fwrite($file, json_encode($after, JSON_THROW_ON_ERROR));
        }
        fclose($file);
        return $answer;
    }
}
