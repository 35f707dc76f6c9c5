#!/usr/bin/perl
print "Content-type: text/plain\n\nguests\n";
