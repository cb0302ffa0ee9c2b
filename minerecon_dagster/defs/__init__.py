"""What Dagster is given: jobs, schedules and sensors, each declared in one place and collected by `definitions`."""
