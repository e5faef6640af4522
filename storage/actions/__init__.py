"""The only code that changes anything in R2 or Firestore. No other code gets an object that could."""
