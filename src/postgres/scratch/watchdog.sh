# Ends what a trueup that is no more has left running. Its standard input is a pipe that trueup holds: a line says
# which process group belongs to the scratch directory now (an empty line: none); the end of the pipe means that
# trueup has gone, whatever ended it.
trap '' INT TERM HUP QUIT
dir=$1
group=
# Where nobody reaps orphans, an ended leader still answers to signals: a zombie counts as gone.
runs() {
    kill -0 "-$group" 2>/dev/null && ! grep -q ') Z ' "/proc/$group/stat" 2>/dev/null
}
while read -r line; do group=$line; done
if [ -n "$group" ] && [ -d "$dir" ]; then
    kill -QUIT "-$group" 2>/dev/null
    turns=0
    while [ "$turns" -lt 60 ] && runs; do
        sleep 0.05
        turns=$((turns + 1))
    done
    kill -KILL "-$group" 2>/dev/null
fi
rm -rf -- "$dir"
