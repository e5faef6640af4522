"""The only imports of boto3 and google.cloud: handles, time-outs, the cost meter, and errors translated to ours."""
