"""Embedded stand-ins for R2 and Firestore, and the sample data that they show; never imported in live mode."""
