<?php echo "remote";
