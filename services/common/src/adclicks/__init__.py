"""What the services of Ads Click Tracking agree on: the click event, errors, settings, health, metrics, logs, the schema."""
