<?php

declare(strict_types=1);

namespace CediMart;

/** The pages, as HTML. */
final class Page
{
    public static function front(array $products): void
    {
        $items = '';
        foreach ($products as $product) {
            $items .= sprintf(
                '<li><a href="/products/%s">%s</a> <span>%s</span></li>',
                self::safe($product['slug']),
                self::safe($product['name']),
                self::money($product['price']),
            );
        }
        self::show('Everything for the cold months', "<ul class=\"products\">$items</ul>");
    }

    public static function product(array $product): void
    {
        self::show($product['name'], sprintf(
            '<p>%s</p><p class="price">%s</p>
            <form method="post" action="/cart">
              <input type="hidden" name="product" value="%s">
              <label>Quantity <input type="number" name="quantity" value="1" min="1" max="99"></label>
              <button>Put into the cart</button>
            </form>',
            self::safe($product['text']),
            self::money($product['price']),
            self::safe($product['slug']),
        ));
    }

    public static function cart(array $lines, int $total): void
    {
        if ($lines === []) {
            self::show('Your cart', '<p>Your cart is empty.</p>');
            return;
        }
        self::show('Your cart', self::table($lines, $total) . '
            <form method="post" action="/orders">
              <label>Your name <input name="name" required maxlength="80"></label>
              <button>Order</button>
            </form>');
    }

    public static function trackForm(): void
    {
        self::show('Track an order', '
            <form action="/orders/track">
              <label>Number <input name="id" inputmode="numeric" required></label>
              <button>Track</button>
            </form>');
    }

    public static function order(array $order): void
    {
        $lines = self::table($order['lines'], $order['total']);
        self::show("Order {$order['id']}", '<p>For ' . self::safe($order['name']) . ', on its way.</p>' . $lines);
    }

    public static function problem(int $status, string $sentence): void
    {
        http_response_code($status);
        self::show('Sorry', '<p>' . self::safe($sentence) . '</p>');
    }

    public static function redirect(string $target): void
    {
        header("Location: $target", true, 303);
    }

    private static function table(array $lines, int $total): string
    {
        $rows = '';
        foreach ($lines as $line) {
            $rows .= sprintf('<tr><td>%d × %s</td><td>%s</td></tr>', $line['quantity'], self::safe($line['name']), self::money($line['price']));
        }
        return sprintf('<table>%s<tr class="total"><td>Total</td><td>%s</td></tr></table>', $rows, self::money($total));
    }

    private static function show(string $title, string $body): void
    {
        header('Content-Type: text/html; charset=utf-8');
        printf(
            '<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width">
  <title>%1$s · cedi-mart</title>
  <link rel="stylesheet" href="/assets/style.css">
</head>
<body>
  <header>
    <a href="/"><img src="/assets/logo.svg" alt="cedi-mart" width="160" height="40"></a>
    <nav><a href="/cart">Cart</a> <a href="/orders/track">Track an order</a></nav>
  </header>
  <main>
    <h1>%1$s</h1>
    %2$s
  </main>
</body>
</html>
',
            self::safe($title),
            $body,
        );
    }

    private static function safe(string $text): string
    {
        return htmlspecialchars($text, ENT_QUOTES | ENT_SUBSTITUTE, 'UTF-8');
    }

    private static function money(int $cents): string
    {
        return sprintf('€ %d.%02d', intdiv($cents, 100), $cents % 100);
    }
}
