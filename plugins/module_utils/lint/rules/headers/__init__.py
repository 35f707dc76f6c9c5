"""Rules about headers and other words with a spelling."""
