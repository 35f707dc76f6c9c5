<?php

// The front controller: every request that is no static file comes here.

declare(strict_types=1);

use CediMart\Cart;
use CediMart\Catalogue;
use CediMart\Orders;
use CediMart\Page;

foreach (['Cart', 'Catalogue', 'Orders', 'Page'] as $class) {
    require __DIR__ . "/../src/$class.php";
}

$method = $_SERVER['REQUEST_METHOD'];
$path = rawurldecode((string) parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH));
$input = fn (string $name): string => is_string($_POST[$name] ?? null) ? trim($_POST[$name]) : '';

// Browsers say where a form was sent from; another site's form may not order for our customer.
if ($method === 'POST' && !in_array($_SERVER['HTTP_SEC_FETCH_SITE'] ?? 'none', ['none', 'same-origin'], true)) {
    Page::problem(403, 'This form was sent from another site.');
    exit;
}

switch ([$method === 'HEAD' ? 'GET' : $method, $path]) {
    case ['GET', '/']:
        Page::front(Catalogue::all());
        break;
    case ['GET', '/cart']:
        Page::cart(Cart::lines(), Cart::total());
        break;
    case ['POST', '/cart']:
        Cart::add($input('product'), (int) $input('quantity'))
            ? Page::redirect('/cart')
            : Page::problem(422, 'There is no such product, or no such quantity.');
        break;
    case ['POST', '/orders']:
        if ($input('product') !== '') {
            Cart::add($input('product'), max(1, (int) $input('quantity')));
        }
        if ($input('name') === '' || Cart::lines() === []) {
            Page::problem(422, 'An order needs a name and something in the cart.');
            break;
        }
        $id = Orders::place($input('name'), Cart::lines(), Cart::total());
        Cart::clear();
        Page::redirect("/orders/track?id=$id");
        break;
    case ['GET', '/orders/track']:
        $id = $_GET['id'] ?? null;
        if ($id === null) {
            Page::trackForm();
            break;
        }
        $order = Orders::find((int) $id);
        $order === null ? Page::problem(404, 'There is no such order.') : Page::order($order);
        break;
    default:
        $product = preg_match('~^/products/([a-z-]+)$~D', $path, $found) ? Catalogue::find($found[1]) : null;
        $product === null || !in_array($method, ['GET', 'HEAD'], true)
            ? Page::problem(404, 'There is no such page.')
            : Page::product($product);
}
