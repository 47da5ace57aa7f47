package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
)

const serveLong = `serve runs a QBench-style laboratory system, a Salesforce org, a HubSpot portal and a
Close organization, each on its own loopback address, until it is stopped with Ctrl-C
or SIGTERM. All know the same invented companies, each only some of them.

At start it prints the environment that a crmsyncd beside it needs. The secrets
that go with it are files in a folder that only you can read; without
--write-config the folder is a temporary one and goes when crmsim ends.

Below /_sim/ each address tells which writes it accepted (audit), and takes edits
as a person would make them, faults and rules while it runs. An edit with
"quiet": true moves neither stamp nor modifier. PUT /_sim/organization {"id": "…"}
puts another organization behind the address of Salesforce, HubSpot or Close;
QBench tells nothing of its organization but the host.

A rule says what happens to some records of one object. It comes by --rule
SYSTEM:JSON, or by POST /_sim/rules, which answers its number; GET lists the rules
and how often each fired, DELETE /_sim/rules[/NUMBER] takes them away. Its keys:

  object   the object, in the vendor's words; QBench has customer and contact
  match    {"field": "value"}: all must agree, id is the record's id; without it
           all records. A write is looked at as it was and as it would become
  effect   refuse   the write gets the vendor's error (the default)
           ignore   the write is taken; the fields keep their old values
           rewrite  the write is taken; the fields are stored in another form
           hide     the API user does not see the record; it is not deleted
           malform  the fields are told in broken JSON
  on       create or update; without it both
  code     the vendor's code: Salesforce's statusCode, HubSpot's code of a property
           or, without fields, its category, QBench's qb_error_code; of Close, whose
           errors have none, the status 400, 402 or 403
  text     the vendor's text; {credential} in it is the key or token of the call,
           {id} and {field} are the record's. With rewrite, what is stored
  fields   the fields that a refusal is about and names, or that the effect touches
  when     given (the default): a refusal meets writes that give one of the fields;
           missing: that give none; any: all
  unnamed  true: the vendor does not name the fields
  form     of rewrite: upper, lower or trim; of malform: surrogate, nan or newline
  times    how often it fires; 0 is always

A rule that names what the vendor does not have is refused, and so is one that fits
no record, unless it says "on": "create".`

const serveExample = `  # the defaults: 200 customers with two contacts each
  crmsim serve

  # keep the environment and the secrets in a folder, and use them in another terminal
  crmsim serve --write-config ./rehearsal
  . ./rehearsal/env && crmsyncd run --once

  # a bad day: throttled, unreliable, slow, and answers get lost after a create
  crmsim serve --fault-429 0.05 --fault-5xx 0.02 --latency 50ms --drop-after-create 0.01

  # the second to the fifth query of Salesforce fail, nothing else
  crmsim serve --fault salesforce:503,path=/query,nth=2-5

  # rehearse your own custom fields
  crmsim serve --schema acme-fields.yaml --hubspot-schema acme-properties.yaml --close-schema acme-custom-fields.yaml

  # change a customer at the source, and see what reached both targets
  curl -X PATCH -d '{"description":"Key account"}' http://127.0.0.1:8091/_sim/customers/1000
  curl http://127.0.0.1:8092/_sim/audit http://127.0.0.1:8093/_sim/audit

  # tick a task of Close off
  curl -X PATCH -d '{"is_complete":"true"}' http://127.0.0.1:8094/_sim/task/TASK_ID

  # Salesforce refuses a phone twice, as a validation rule would
  curl -d '{"object":"Account","code":"STRING_TOO_LONG","text":"Phone: data value too large","fields":["Phone"],"times":2}' http://127.0.0.1:8092/_sim/rules

  # HubSpot takes a write and keeps its own value; Close hides a lead
  curl -d '{"object":"companies","effect":"ignore","fields":["lifecyclestage"]}' http://127.0.0.1:8093/_sim/rules
  curl -d '{"object":"lead","match":{"id":"LEAD_ID"},"effect":"hide"}' http://127.0.0.1:8094/_sim/rules

  # HubSpot is down for a while; Salesforce goes on
  curl -X POST 'http://127.0.0.1:8093/_sim/faults?rule=503'
  curl -X DELETE http://127.0.0.1:8093/_sim/faults`

func newServe() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:     "serve",
		Short:   "Run the simulated vendors until stopped",
		Long:    serveLong,
		Example: serveExample,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cobra.NoArgs(cmd, args); err != nil {
				return usageError{err}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serve(cmd.Context(), cmd.OutOrStdout(), o)
		},
	}
	o.bind(cmd.Flags())
	return cmd
}

// serve runs the simulators until ctx ends.
func serve(ctx context.Context, out io.Writer, o options) error {
	if err := o.validate(); err != nil {
		return usageError{err}
	}
	stage, err := newStage(o)
	if err != nil {
		return err
	}
	running, err := stage.listen(ctx, o)
	if err != nil {
		return err
	}
	dir, cleanup, err := configDir(o.configDir)
	if err != nil {
		return errors.Join(err, running.stop())
	}
	defer cleanup()
	env := stage.environment(running, dir)
	if err := env.write(); err != nil {
		return errors.Join(err, running.stop())
	}
	stage.announce(out, running, env)
	err = running.wait()
	stage.summarize(out)
	return err
}

// announce prints where the simulators are and what a daemon beside them needs.
func (s *stage) announce(out io.Writer, r *running, env environment) {
	fmt.Fprintf(out, "qbench      %s   %d customers, %d contacts\n", r.url["qbench"], s.world.Accounts(), s.world.People())
	fmt.Fprintf(out, "salesforce  %s   %d accounts, %d contacts known before\n", r.url["salesforce"], s.known.salesforce.accounts, s.known.salesforce.contacts)
	fmt.Fprintf(out, "hubspot     %s   %d companies, %d contacts known before\n", r.url["hubspot"], s.known.hubspot.accounts, s.known.hubspot.contacts)
	fmt.Fprintf(out, "close       %s   %d leads, %d contacts, %d opportunities, %d tasks\n\n", r.url["close"],
		len(s.closeio.IDs("lead")), len(s.closeio.IDs("contact")), len(s.closeio.IDs("opportunity")), len(s.closeio.IDs("task")))
	fmt.Fprintln(out, "# Paste this where crmsyncd runs:")
	fmt.Fprint(out, env.exports())
	if env.kept {
		fmt.Fprintf(out, "# or: . %s\n", quote(env.file()))
	}
	if s.bare {
		fmt.Fprintln(out, "\nLike any new portal, HubSpot has no property for our ids yet: `crmsyncd check --live` says so, and with --fix makes it.")
	}
	fmt.Fprintln(out, "\nStop with Ctrl-C.")
}

// summarize prints what the simulators saw.
func (s *stage) summarize(out io.Writer) {
	fmt.Fprintf(out, "\nStopped at %s.\n", time.Now().Format(time.TimeOnly))
	fmt.Fprintf(out, "qbench      answered %d calls and took %d writes\n", sum(s.qbench.Calls()), len(s.qbench.Audit()))
	fmt.Fprintf(out, "salesforce  answered %d calls and took %d writes\n", s.salesforce.Calls().Total(), len(s.salesforce.Audit()))
	fmt.Fprintf(out, "hubspot     answered %d calls and took %d writes\n", s.hubspot.Calls().Total(), len(s.hubspot.Audit()))
	fmt.Fprintf(out, "close       answered %d calls and took %d writes\n", sum(s.closeio.Calls()), len(s.closeio.Writes()))
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}
