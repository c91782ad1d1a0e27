#!/bin/sh
# Runs trueup as a task of Amazon ECS, and ends with its exit code. A task that had no answer (3) or found the database busy (75) is
# tried again, at most three times in all.
set -eu
cd "$(dirname "$0")"
cluster=platform
pause=${PAUSE:-20}

for attempt in 1 2 3; do
    [ "$attempt" = 1 ] || sleep "$pause"
    task=$(aws ecs run-task --cli-input-json file://run-task.json --query 'tasks[0].taskArn' --output text)
    if [ "$task" = None ]; then
        # No room for it in the cluster, for example: nothing was asked.
        code=3
    else
        # The waiter gives up after ten minutes; a long migration goes on.
        waited=0
        until aws ecs wait tasks-stopped --cluster "$cluster" --tasks "$task"; do
            waited=$((waited + 1))
            if [ "$waited" = 36 ]; then
                echo "$task has not ended, or cannot be seen: look at it before anything else is started" >&2
                exit 7
            fi
        done
        code=$(aws ecs describe-tasks --cluster "$cluster" --tasks "$task" \
            --query "tasks[0].containers[?name=='trueup'].exitCode | [0]" --output text)
        # The container never ran: nothing is known.
        [ "$code" != None ] || code=3
    fi
    case $code in
        3 | 75) echo "attempt $attempt: exit code $code" >&2 ;;
        *) break ;;
    esac
done
exit "$code"
