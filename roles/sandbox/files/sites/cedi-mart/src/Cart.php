<?php

declare(strict_types=1);

namespace CediMart;

/** What this visitor wants to buy, kept in the session. */
final class Cart
{
    private const MOST = 99;

    public static function add(string $slug, int $quantity): bool
    {
        self::open();
        $wanted = ($_SESSION['cart'][$slug] ?? 0) + $quantity;
        if (Catalogue::find($slug) === null || $quantity < 1 || $wanted > self::MOST) {
            return false;
        }
        $_SESSION['cart'][$slug] = $wanted;
        return true;
    }

    /** @return list<array{name: string, quantity: int, price: int}> */
    public static function lines(): array
    {
        self::open();
        $lines = [];
        foreach ($_SESSION['cart'] ?? [] as $slug => $quantity) {
            $product = Catalogue::find($slug);
            if ($product !== null) {
                $lines[] = ['name' => $product['name'], 'quantity' => $quantity, 'price' => $product['price'] * $quantity];
            }
        }
        return $lines;
    }

    public static function total(): int
    {
        return array_sum(array_column(self::lines(), 'price'));
    }

    public static function clear(): void
    {
        self::open();
        $_SESSION['cart'] = [];
    }

    private static function open(): void
    {
        if (session_status() !== PHP_SESSION_ACTIVE) {
            session_start([
                'name' => 'cart',
                'cookie_httponly' => true,
                'cookie_samesite' => 'Lax',
                'use_strict_mode' => true,
            ]);
        }
    }
}
