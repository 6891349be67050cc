package httpapi

import (
	"context"

	"github.com/cronium/cronium/hub/authz"
)

func (a *API) getSetup(ctx context.Context, _ *call, _ *none) (*output[SetupState], error) {
	needed, err := a.identity.NeedsSetup(ctx)
	if err != nil {
		return nil, err
	}
	return answer(SetupState{Needed: needed}), nil
}

func (a *API) setUp(ctx context.Context, c *call, in *setUpInput) (*sessionOutput[Me], error) {
	b := in.Body
	user, err := a.identity.Setup(ctx, b.Code, b.Email, b.Password)
	if err != nil {
		return nil, err
	}
	if b.Name != "" {
		if _, err := a.identity.Rename(ctx, user.ID, b.Name); err != nil {
			return nil, err
		}
	}
	return a.signIn(ctx, c, b.Email, b.Password)
}

func (a *API) login(ctx context.Context, c *call, in *loginInput) (*sessionOutput[Me], error) {
	return a.signIn(ctx, c, in.Body.Email, in.Body.Password)
}

func (a *API) signIn(ctx context.Context, c *call, email, password string) (*sessionOutput[Me], error) {
	cookie, _, err := a.identity.Login(ctx, email, password, c.addr.String(), c.agent)
	if err != nil {
		return nil, err
	}
	actor, err := a.identity.ActorBySession(ctx, cookie)
	if err != nil {
		return nil, err
	}
	me, err := a.me(ctx, actor)
	if err != nil {
		return nil, err
	}
	return &sessionOutput[Me]{SetCookie: sessionCookie(c, cookie), Body: me}, nil
}

func (a *API) logout(ctx context.Context, c *call, _ *none) (*signedOut, error) {
	if c.session != "" {
		if err := a.identity.Logout(ctx, c.session); err != nil {
			return nil, err
		}
	}
	return &signedOut{SetCookie: sessionCookie(c, ""), ClearSiteData: `"cookies", "storage", "cache"`}, nil
}

func (a *API) getMe(ctx context.Context, c *call, _ *none) (*output[Me], error) {
	me, err := a.me(ctx, c.actor)
	if err != nil {
		return nil, err
	}
	return answer(me), nil
}

func (a *API) me(ctx context.Context, actor authz.Actor) (Me, error) {
	projects, err := a.projects.ListFor(ctx, actor)
	if err != nil {
		return Me{}, err
	}
	me := Me{
		ID: actor.UserID.String(), Email: actor.Email, Name: actor.Name, Admin: actor.Admin, Projects: []Membership{},
		Hub: HubInfo{Version: a.cfg.Version, InstanceID: a.cfg.InstanceID.String()},
	}
	for _, p := range projects {
		role := actor.Roles[p.ID]
		if role == "" && actor.Admin {
			role = authz.Owner // the administrator of the hub may do all that an owner may
		}
		me.Projects = append(me.Projects, Membership{Slug: p.Slug, Name: p.Name, Role: string(role)})
	}
	return me, nil
}

// listTokens is one page: a user has at most a hundred.
func (a *API) listTokens(ctx context.Context, c *call, _ *none) (*output[Page[Token]], error) {
	tokens, err := a.identity.Tokens(ctx, c.actor)
	if err != nil {
		return nil, err
	}
	items := make([]Token, len(tokens))
	for i, t := range tokens {
		items[i] = Token{ID: t.ID, Name: t.Name, CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt, LastUsedAt: t.LastUsedAt}
	}
	return pageOf(items, ""), nil
}

func (a *API) createToken(ctx context.Context, c *call, in *createTokenInput) (*output[NewToken], error) {
	ttl, err := duration(in.Body.ExpiresIn, "expires_in")
	if err != nil {
		return nil, err
	}
	plain, token, err := a.identity.CreateToken(ctx, c.actor, in.Body.Name, ttl)
	if err != nil {
		return nil, err
	}
	return answer(NewToken{Token: plain, ID: token.ID, Name: token.Name, ExpiresAt: token.ExpiresAt}), nil
}

func (a *API) revokeToken(ctx context.Context, c *call, in *TokenPath) (*none, error) {
	return nil, a.identity.RevokeToken(ctx, c.actor, in.ID)
}
