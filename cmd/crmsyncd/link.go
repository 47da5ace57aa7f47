package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"crmsyncd/sync/daemon"
	"crmsyncd/sync/engine"
)

func (a *app) linkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "link SYSTEM/OBJECT HUBOBJECT KEY REMOTE_ID",
		Short: "Say that a hub record and a remote one are the same",
		Long: "link joins the two and ends what held them. It refuses if either already has another open link.\n" +
			"KEY is the hub record's id, e-mail or name, or hub:NUMBER (also HUBOBJECT/NUMBER).\n" +
			"The system is asked for the remote record first: one that it does not have is not linked.",
		Example: "  crmsyncd link salesforce/Account account 1042 0015g00000AbCdEAAV\n  crmsyncd link salesforce/Contact contact jane@example.com 0035g00000XyZabAAB",
		Args:    wants("SYSTEM/OBJECT", "HUBOBJECT", "KEY", "REMOTE_ID"),
		RunE: func(cmd *cobra.Command, w []string) error {
			return a.linkDo(cmd.Context(), linkWish{what: "link", place: w[0], hubObject: w[1], key: w[2], remote: w[3]})
		},
	}
}

func (a *app) unlinkCommand() *cobra.Command {
	gone := false
	c := &cobra.Command{
		Use:   "unlink [--gone] SYSTEM/OBJECT HUBOBJECT KEY",
		Short: "Say that a hub record and its remote one are not the same",
		Long: "unlink closes the link and changes neither record. A source's record stays apart from the hub record\n" +
			"from then on, whatever its keys say, until link joins them. In a target the hub record is held unlinked_by_person:\n" +
			"link gives it another record, and held retry has it matched again.\n" +
			"--gone is for a record that is held not_visible: it says that the record was deleted there. The system is\n" +
			"asked once more, and a record that it shows is refused. In a target the hub record is then held\n" +
			"deleted_remotely, and only held retry --recreate makes it again; from a source it leaves the hub's scope.",
		Example: "  crmsyncd unlink salesforce/Account account 1042\n  crmsyncd unlink --gone salesforce/Account account 1042",
		Args:    wants("SYSTEM/OBJECT", "HUBOBJECT", "KEY"),
		RunE: func(cmd *cobra.Command, w []string) error {
			return a.linkDo(cmd.Context(), linkWish{what: "unlink", place: w[0], hubObject: w[1], key: w[2], gone: gone})
		},
	}
	c.Flags().BoolVar(&gone, "gone", false, "the record is not visible because it was deleted there")
	return c
}

// linkWish is what is to become of a link.
type linkWish struct {
	what, place, hubObject, key, remote string
	gone                                bool
}

func (a *app) linkDo(ctx context.Context, w linkWish) error {
	system, object, ok := strings.Cut(w.place, "/")
	if !ok || system == "" || object == "" {
		return usageError(fmt.Errorf("%q is no SYSTEM/OBJECT, such as salesforce/Account", w.place))
	}
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	rec, err := a.oneRecord(ctx, s, w.hubObject, w.key)
	if err != nil {
		return err
	}
	args := daemon.LinkArgs{System: system, Object: object, Hub: rec.ID, Remote: w.remote, Gone: w.gone}
	if _, err := daemon.Ask[daemon.LinkArgs](ctx, s.Client, w.what, args, daemon.Sink{}); err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(args)
	}
	switch {
	case w.what == "link":
		a.say("%s %s (hub:%s) is linked with %s %s. The next run compares the two.", w.hubObject, rec.Label, rec.ID, w.place, w.remote)
	case w.gone:
		a.say("%s %s (hub:%s) is no longer linked with %s: its record there is gone.", w.hubObject, rec.Label, rec.ID, w.place)
	default:
		a.say("%s %s (hub:%s) is no longer linked with %s.", w.hubObject, rec.Label, rec.ID, w.place)
	}
	return nil
}

// oneRecord looks a record up and insists on exactly one.
func (a *app) oneRecord(ctx context.Context, s *session, object, key string) (engine.RecordView, error) {
	hits, err := collect[engine.RecordView](ctx, s, "lookup", daemon.RecordArgs{Object: object, Key: key}, nil)
	if err != nil {
		return engine.RecordView{}, err
	}
	switch len(hits) {
	case 0:
		return engine.RecordView{}, fmt.Errorf("no %s goes by %q", object, key)
	case 1:
		return hits[0], nil
	}
	var names []string
	for _, h := range hits {
		names = append(names, "hub:"+h.ID+" "+h.Label)
	}
	return engine.RecordView{}, usageError(fmt.Errorf("%d %s records go by %q: %s; name one by hub:NUMBER", len(hits), object, key, strings.Join(names, ", ")))
}
