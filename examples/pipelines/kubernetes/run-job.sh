#!/bin/sh
# Makes the Job, waits for its end, shows what it said, and ends with 0 where it is complete, else with 1. `kubectl create` alone
# ends with 0 before anything has run.
set -eu
cd "$(dirname "$0")"
pause=${PAUSE:-5}

job=$(kubectl create --filename migrate.yaml --output name)
# Longer than activeDeadlineSeconds.
waited=0
while :; do
    # A server of Kubernetes that does not answer now is asked again.
    ended=$(kubectl get "$job" --output 'jsonpath={.status.conditions[?(@.status=="True")].type}' || true)
    case " $ended " in
        *" Complete "*) code=0 && break ;;
        *" Failed "*) code=1 && break ;;
    esac
    waited=$((waited + 1))
    if [ "$waited" = 900 ]; then
        echo "$job has not ended, or cannot be seen: look at it before anything else is started" >&2
        exit 7
    fi
    sleep "$pause"
done
kubectl logs "$job" --all-containers --prefix || true
exit "$code"
