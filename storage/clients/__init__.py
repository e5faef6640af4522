"""The only imports of boto3 and google.cloud: handles, timeouts, the cost meter, and every error translated to ours."""
