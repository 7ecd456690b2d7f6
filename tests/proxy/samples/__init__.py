"""Answers in the providers' documented formats, written for these tests. The numbers are made up, and add up."""
