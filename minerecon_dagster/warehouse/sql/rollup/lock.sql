-- Two roll-ups at once would leave the sums of whichever read first: the second waits. Readers do not.
LOCK TABLE $sums IN SHARE ROW EXCLUSIVE MODE;
