/** CONTRACT ONLY: being written. */
