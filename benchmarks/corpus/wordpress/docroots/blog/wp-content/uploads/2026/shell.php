<?php echo "uploaded script ran";
