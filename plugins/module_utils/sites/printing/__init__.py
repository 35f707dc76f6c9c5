"""From the model of a site to the directives that the templates print."""
