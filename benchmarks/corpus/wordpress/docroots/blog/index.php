<?php
header('Content-Type: text/html; charset=UTF-8');
echo "<title>Blog</title><p>page {$_SERVER['REQUEST_URI']}</p><p>map " . ($_GET['sitemap'] ?? 'none') . '</p>';
echo '<p>found for ' . htmlspecialchars($_GET['s'] ?? 'nothing') . ', number ' . (int) ($_GET['p'] ?? 0) . '</p>';
echo '<p>made ' . $_SERVER['REQUEST_METHOD'] . '</p>';
