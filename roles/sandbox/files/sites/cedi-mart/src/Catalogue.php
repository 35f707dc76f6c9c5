<?php

declare(strict_types=1);

namespace CediMart;

/** What the shop sells; prices in cents. */
final class Catalogue
{
    private const PRODUCTS = [
        'teapot' => ['slug' => 'teapot', 'name' => 'Teapot', 'price' => 2490, 'text' => 'Short and stout, one litre.'],
        'lantern' => ['slug' => 'lantern', 'name' => 'Lantern', 'price' => 3900, 'text' => 'Burns for nine hours.'],
        'blanket' => ['slug' => 'blanket', 'name' => 'Blanket', 'price' => 5450, 'text' => 'Wool, two metres by one and a half.'],
    ];

    /** @return list<array{slug: string, name: string, price: int, text: string}> */
    public static function all(): array
    {
        return array_values(self::PRODUCTS);
    }

    /** @return array{slug: string, name: string, price: int, text: string}|null */
    public static function find(string $slug): ?array
    {
        return self::PRODUCTS[$slug] ?? null;
    }
}
