package state_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"crmsyncd/state"
)

// killedEnv names the state file to a child that works until it is killed.
const killedEnv = "CRMSYNCD_TEST_KILLED"

// TestMain lets the test binary be that child.
func TestMain(m *testing.M) {
	if path := os.Getenv(killedEnv); path != "" {
		if err := workUntilKilled(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// workUntilKilled makes rows by turns straight and through a spool, and says
// how many are durable after each transaction. Row n is about hub record n.
func workUntilKilled(path string) error {
	s, err := state.Open(path, state.Options{Timeout: 5 * time.Second})
	if err != nil {
		return err
	}
	state.SmallRuns(s)
	f, err := s.Nums("name", "email", "qbench", "rule")
	if err != nil {
		return err
	}
	made := 0
	_ = s.View(func(tx *state.Tx) error {
		made = tx.Hub("account").Count() + s.Spool("a").Len(tx)
		return nil
	})
	fmt.Println("made", made)
	put := func(tx *state.Tx, e state.Entry) error {
		n, err := strconv.Atoi(string(e.Data))
		if err != nil {
			return err
		}
		return fillRow(tx, f, n)
	}
	for {
		if err := s.Spool("a").Merge(backgroundContext(), 7, put); err != nil {
			return err
		}
		for page := range 4 {
			err := s.Update(func(tx *state.Tx) error {
				for i := 1; i <= 5; i++ {
					n := made + i
					e := state.Entry{Key: fmt.Appendf(nil, "%08d", n*7919%1000003), Data: []byte(strconv.Itoa(n))}
					if page == 3 {
						if err := put(tx, e); err != nil {
							return err
						}
					} else if err := s.Spool("a").Append(tx, []state.Entry{e}); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
			made += 5
			fmt.Println("made", made)
		}
	}
}

// TestKilledWorkIsNotLost kills a working child at random moments, many times
// over the same file: it opens each time, it is sound, and every row that was
// acknowledged is there exactly once.
func TestKilledWorkIsNotLost(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := newPath(t)
	kills := 12
	if testing.Short() {
		kills = 4
	}
	acknowledged := 0
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	for range kills {
		acknowledged = max(acknowledged, runAndKill(t, exe, path, r))
		s := open(t, path)
		if s.Suspect() != "" {
			t.Fatalf("suspect after a kill: %s", s.Suspect())
		}
		sound(t, s)
		checkKilled(t, s, acknowledged)
		shut(t, s)
	}
	if acknowledged == 0 {
		t.Fatal("no child did any work")
	}
}

// runAndKill returns the number of rows that the child said are durable.
func runAndKill(t *testing.T, exe, path string, r *rand.Rand) (acknowledged int) {
	t.Helper()
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), killedEnv+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	after := 1 + r.IntN(30)
	for lines.Scan() {
		if _, err := fmt.Sscanf(lines.Text(), "made %d", &acknowledged); err != nil {
			t.Fatal(err)
		}
		if after--; after == 0 {
			// From here on at any moment, while the rest is still read.
			time.AfterFunc(time.Duration(r.IntN(4000))*time.Microsecond, func() { _ = cmd.Process.Kill() })
		}
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != -1 {
		t.Fatalf("the child ended by itself: %v", err)
	}
	return acknowledged
}

func checkKilled(t *testing.T, s *state.Store, acknowledged int) {
	t.Helper()
	there := map[int]int{}
	view(t, s, func(tx *state.Tx) error {
		return tx.Hub("account").Each(0, func(rec *state.HubRecord) error {
			there[int(rec.ID)]++
			return nil
		})
	})
	// What is still in the spool counts as there; merging it shows which.
	f := nums(t, s, "name", "email", "qbench", "rule")
	err := s.Spool("a").Merge(t.Context(), 0, func(tx *state.Tx, e state.Entry) error {
		n, err := strconv.Atoi(string(e.Data))
		there[n]++
		if err != nil {
			return err
		}
		return fillRow(tx, f, n)
	})
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= max(acknowledged, len(there)); n++ {
		if there[n] != 1 {
			t.Fatalf("row %d of %d acknowledged is there %d times", n, acknowledged, there[n])
		}
	}
}
