"""What the sample DAGs share: their settings, asset events and reports. Nothing else imports it."""
