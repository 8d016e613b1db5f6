class SkippedRows:
    """What data share that may have unusable rows: an account of those that were left out.

    A subclass has the attribute `skipped`, a list with one message a row, naming file and line.
    """

    def skipped_report(self, purpose):
        """Tells which rows were left out, the first five by name.

        Args:
            purpose: What the data are for, such as "training".

        Returns:
            Text of several lines.
        """
        shown = "\n  ".join(self.skipped[:5])
        more = f"\n  and {len(self.skipped) - 5} more" if len(self.skipped) > 5 else ""
        return f"{len(self.skipped)} {purpose} rows left out:\n  {shown}{more}"
