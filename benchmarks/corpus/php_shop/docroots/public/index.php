<?php
$path = strtok($_SERVER['REQUEST_URI'], '?');
header('X-Shop: ' . ($_GET['id'] ?? $_GET['page'] ?? '-'));
if ($path === '/missing') {
    http_response_code(404);
}
echo "<h1>Shop</h1><p>$path</p><p>" . htmlspecialchars($_SERVER['QUERY_STRING']) . '</p>';
if ($path === '/office/orders') {
    echo '<p>orders for ' . htmlspecialchars($_SERVER['REMOTE_USER'] ?? 'nobody') . '</p>';
}
if ($path === '/basket') {
    echo '<p>' . strlen(file_get_contents('php://input')) . ' bytes, https=' . ($_SERVER['HTTPS'] ?? '') . '</p>';
}
