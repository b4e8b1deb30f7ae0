"""What the data is: the record, the columns, the options, the manifest. No behaviour."""
