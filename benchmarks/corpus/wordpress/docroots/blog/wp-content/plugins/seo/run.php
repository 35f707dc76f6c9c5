<?php echo "plugin ran by its name";
