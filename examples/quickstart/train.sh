#!/bin/sh
# Fits y = slope * x + intercept to points.csv by gradient descent.
#
# `mlctl log` writes to the run that MLFLOW_RUN_ID names; `mlctl run` sets it, and puts mlctl itself
# on PATH. The parameters of the project are recorded before this script starts.
set -eu

learning_rate=$1
steps=$2
case $steps in
'' | *[!0-9]*)
    echo "steps must be a whole number, not '$steps'" >&2
    exit 1
    ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

awk -F, -v rate="$learning_rate" -v steps="$steps" '
    NR > 1 { x[++n] = $1; y[n] = $2 }
    END {
        for (step = 0; step < steps; step++) {
            loss = slope_gradient = intercept_gradient = 0
            for (i = 1; i <= n; i++) {
                miss = slope * x[i] + intercept - y[i]
                loss += miss * miss / n
                slope_gradient += 2 * miss * x[i] / n
                intercept_gradient += 2 * miss / n
            }
            slope -= rate * slope_gradient
            intercept -= rate * intercept_gradient
            print step, loss, slope, intercept
        }
    }
' points.csv > "$work/steps.txt"

while read -r step loss _; do
    mlctl log metric loss "$loss" --step "$step"
done < "$work/steps.txt"

read -r _ loss slope intercept <<LAST
$(tail -n 1 "$work/steps.txt")
LAST
printf '{"slope": %s, "intercept": %s}\n' "$slope" "$intercept" > "$work/line.json"
mlctl log artifact "$work/line.json" --path model
mlctl log param points "$(($(wc -l < points.csv) - 1))"
mlctl log tag method "gradient descent"

echo "y = $slope * x + $intercept, loss $loss after $steps steps"
