<?php define("DB_PASSWORD", "never shown");
