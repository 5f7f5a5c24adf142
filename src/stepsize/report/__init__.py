"""Reports: functions of a journal, as numbers, curves in the terminal, pictures and a page."""
