<?php echo "<title>Dashboard</title>"; 
