"""What the tests build with: trees, comparisons, programs to run, golden repositories. No test lives here."""
