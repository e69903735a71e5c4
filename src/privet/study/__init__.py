"""One declarative file for the whole job: check, price, run, record, report."""
