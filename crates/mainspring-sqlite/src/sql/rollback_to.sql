ROLLBACK TO mainspring
