"""What `minerecon doctor` looks at, a line each: it changes nothing, and one thing that is wrong hides no other."""
