"""What the RFCs say, pure: schemas, filters, resources, PATCH."""
