// Package salesforce speaks to one Salesforce organization through its REST
// API: it describes objects, reads what changed, looks records up, and creates
// and updates them by collections of two hundred.
//
// It has no upsert and no delete. A create is an insert that carries the
// record's unique external id, so that the service itself refuses a repeat; an
// update goes by record id and never creates. A create whose answer was lost is
// reported as unknown and is never sent again from here.
//
// What we rely on, each last checked 2026-11-22:
//
//   - a collection answers record by record, in the order of the request, and
//     with status 200 even when every record failed:
//     https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_sobjects_collections.htm
//   - SystemModstamp moves on every change and has a grain of one second:
//     https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/system_fields.htm
//   - the API's address is the token's instance_url and may change with each
//     token: https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_client_credentials_flow.htm
//   - the daily quota stands in Sforce-Limit-Info, and no answer has a
//     Retry-After:
//     https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/headers_api_usage.htm
//
// What Salesforce refuses or rewrites is in quirks.go.
package salesforce
