"""The embedded stand-ins for R2 and Firestore, and their sample data; live mode never imports them."""
