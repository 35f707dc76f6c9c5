"""Would Sluice have let us work last year? Real changes of a repository, taken through the gates one by one."""
