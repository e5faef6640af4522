#!/usr/bin/env bash
# Makes the schedule of the jobs in jobs.yaml: PROJECT=... REGION=... deploy/cloud-run/schedule.sh
# The caller's account needs Cloud Scheduler Admin; the jobs' invoker is an account of its own with run.invoker alone.
set -euo pipefail
: "${PROJECT:?}" "${REGION:?}"
INVOKER="clip-desk-scheduler@${PROJECT}.iam.gserviceaccount.com"

schedule() {
  gcloud scheduler jobs create http "$1" --project "$PROJECT" --location "$REGION" --schedule "$2" --time-zone Etc/UTC \
    --http-method POST --oauth-service-account-email "$INVOKER" \
    --uri "https://run.googleapis.com/v2/projects/${PROJECT}/locations/${REGION}/jobs/$1:run"
}

schedule clip-desk-rollup '10 2 * * *'
schedule clip-desk-scan '40 3 * * *'
schedule clip-desk-sweep '*/5 * * * *'
schedule clip-desk-alerts '*/5 * * * *'
