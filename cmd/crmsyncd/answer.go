package main

import (
	"context"
	"encoding/json"
	"fmt"

	"crmsyncd/sync/daemon"
)

// items has fn called for each item of an answer.
func items[T any](fn func(T) error) func(json.RawMessage) error {
	return func(raw json.RawMessage) error {
		var v T
		if err := json.Unmarshal(raw, &v); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		return fn(v)
	}
}

// gather asks and returns all items and what sums them up. The bar may be nil.
func gather[T, R any](ctx context.Context, s *session, name string, args any, b *bar) (out []T, sum R, err error) {
	sink := daemon.Sink{Item: items(func(v T) error {
		out = append(out, v)
		return nil
	})}
	if b != nil {
		sink.Progress = func(p daemon.Progress) { b.set(p.What, p.Done, p.Total) }
	}
	sum, err = daemon.Ask[R](ctx, s.Client, name, args, sink)
	return out, sum, err
}

// collect asks and returns all items. The bar may be nil.
func collect[T any](ctx context.Context, s *session, name string, args any, b *bar) ([]T, error) {
	out, _, err := gather[T, json.RawMessage](ctx, s, name, args, b)
	return out, err
}
