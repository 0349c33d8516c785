package staff

import (
	"net/http"

	"abholstation/locker"
)

// Who may do what. The table below is the whole of it; nothing else asks for a
// role, but for the second person.
func anybody() []Role  { return nil }
func everyone() []Role { return []Role{Loader, Supervisor, IT, Auditor} }
func office() []Role   { return []Role{Loader, Supervisor} }
func readers() []Role  { return []Role{Loader, Supervisor, Auditor} }
func chiefs() []Role   { return []Role{Supervisor} }
func keepers() []Role  { return []Role{Supervisor, IT} }
func hands() []Role    { return []Role{Loader, Supervisor, IT} }

// secondRoles may be the second person.
func secondRoles() []Role { return office() }

// routes is the API. openapi.json describes the same routes; a test compares.
func routes() []route {
	return []route{
		{method: http.MethodGet, path: "/openapi.json", roles: anybody(), handle: (*call).openapi},

		post("/session", anybody(), false, (*call).signIn),
		get("/session", everyone(), (*call).session),
		{method: http.MethodDelete, path: "/session", roles: anybody(), handle: (*call).signOut},
		post("/setup", anybody(), false, (*call).firstSupervisor),

		get("/status", everyone(), (*call).status),
		get("/kinds", everyone(), (*call).kinds),
		get("/events", everyone(), (*call).events),
		post("/clock/trust", keepers(), true, send(func(c *call, _ *noBody) (locker.Event, error) {
			return locker.TrustClock{By: c.who.actor}, nil
		})),

		post("/deliveries", office(), true, (*call).announce),
		get("/deliveries", readers(), (*call).listDeliveries),
		get("/deliveries/{id}", readers(), (*call).getDelivery),
		post("/deliveries/{id}/confirm", office(), true, deliver(confirm)),
		post("/deliveries/{id}/approve", office(), true, deliver(approve)),
		post("/deliveries/{id}/load", office(), true, deliver(load)),
		post("/deliveries/{id}/loaded", office(), true, deliver(loaded)),
		post("/deliveries/{id}/correct", office(), true, deliver(correct)),
		post("/deliveries/{id}/extend", office(), true, deliver(extend)),
		post("/deliveries/{id}/reissue", office(), true, deliver(reissue)),
		post("/deliveries/{id}/cancel", office(), true, deliver(cancel)),
		post("/deliveries/{id}/retrieve", office(), true, deliver(retrieve)),
		post("/deliveries/{id}/retrieved", office(), true, deliver(retrieved)),
		post("/deliveries/{id}/relocate", office(), true, deliver(relocate)),
		post("/deliveries/{id}/settle", chiefs(), true, deliver(settle)),
		post("/deliveries/{id}/slip", office(), false, (*call).slip), // never kept: it holds a code

		get("/compartments", everyone(), (*call).listCompartments),
		get("/compartments/{n}", everyone(), (*call).getCompartment),
		post("/compartments/{n}/block", hands(), true, compartment(block)),
		post("/compartments/{n}/unblock", keepers(), true, compartment(unblock)),
		post("/compartments/{n}/inspect", office(), true, compartment(inspect)),
		post("/compartments/{n}/inspected", office(), true, compartment(inspected)),

		get("/inventory", everyone(), (*call).inventory),
		post("/inventory", office(), true, send(func(c *call, _ *noBody) (locker.Event, error) {
			return locker.StartInventory{By: c.who.actor}, nil
		})),

		get("/accounts", chiefs(), (*call).listAccounts),
		post("/accounts", chiefs(), false, (*call).createAccount),
		{method: http.MethodDelete, path: "/accounts/{user}", roles: chiefs(), handle: (*call).deleteAccount},
		get("/tokens", chiefs(), (*call).listTokens),
		post("/tokens", chiefs(), false, (*call).createToken), // never kept: it holds a token
		{method: http.MethodDelete, path: "/tokens/{name}", roles: chiefs(), handle: (*call).deleteToken},
	}
}

func get(path string, roles []Role, handle func(*call) (reply, error)) route {
	return route{method: http.MethodGet, path: path, roles: roles, handle: handle}
}

// post takes a JSON object of type B.
func post[B any](path string, roles []Role, once bool, handle func(*call, *B) (reply, error)) route {
	return route{
		method: http.MethodPost, path: path, roles: roles, once: once,
		body:   func() any { return new(B) },
		handle: func(c *call) (reply, error) { return handle(c, c.body.(*B)) },
	}
}

// send hands one event to the Station and answers with what it says.
func send[B any](event func(*call, *B) (locker.Event, error)) func(*call, *B) (reply, error) {
	return func(c *call, b *B) (reply, error) {
		ev, err := event(c, b)
		if err != nil {
			return reply{}, err
		}
		a, err := c.station.Do(c.ctx, ev)
		if err != nil {
			return reply{}, err
		}
		return ok(answerOf(a))
	}
}

// deliver is send for a delivery's actions.
func deliver[B any](event func(*call, locker.DeliveryID, *B) (locker.Event, error)) func(*call, *B) (reply, error) {
	return send(func(c *call, b *B) (locker.Event, error) {
		id, err := c.deliveryID()
		if err != nil {
			return nil, err
		}
		return event(c, id, b)
	})
}

// compartment is send for a compartment's actions.
func compartment[B any](event func(*call, int, *B) (locker.Event, error)) func(*call, *B) (reply, error) {
	return send(func(c *call, b *B) (locker.Event, error) {
		n, err := c.compartmentNumber()
		if err != nil {
			return nil, err
		}
		return event(c, n, b)
	})
}
