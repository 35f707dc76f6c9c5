<?php echo "<title>Log in</title><form>"; 
