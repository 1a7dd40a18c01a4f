/**
 * SCIMMY as a peer: scimmy-routers on Express, over small stores in memory that are fair to it.
 *
 *     node scimmy_peer.js TOKEN
 *
 * Prints its Tenant URL. The stores have indexes for the filters that Entra sends, hand over one page of a list and no
 * members where none are asked for; so what is measured is the library.
 */
import {randomUUID} from "node:crypto";
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

const INDEXED = ["userName", "externalId", "displayName"];
const folded = (name, value) => (name === "externalId" ? String(value) : String(value).toLowerCase());

/** The resources of one type: by id in the order of creation, and by each indexed attribute. */
class Shelf {
    byId = new Map();
    order = [];
    indexes = new Map(INDEXED.map((name) => [name.toLowerCase(), {name, ids: new Map()}]));

    put(resource) {
        const older = this.byId.get(resource.id);
        if (older) this.unindex(older);
        else this.order.push(resource.id);
        this.byId.set(resource.id, resource);
        for (const {name, ids} of this.indexes.values()) {
            if (resource[name] === undefined) continue;
            const key = folded(name, resource[name]);
            ids.set(key, (ids.get(key) ?? new Set()).add(resource.id));
        }
    }

    remove(id) {
        this.unindex(this.byId.get(id));
        this.byId.delete(id);
        this.order.splice(this.order.indexOf(id), 1);
    }

    unindex(resource) {
        for (const {name, ids} of this.indexes.values()) {
            if (resource[name] !== undefined) ids.get(folded(name, resource[name]))?.delete(resource.id);
        }
    }

    with(name, value) {
        const {name: attribute, ids} = this.indexes.get(name.toLowerCase());
        return [...(ids.get(folded(attribute, value)) ?? [])].map((id) => this.byId.get(id));
    }
}

/** What a filter that is nothing but `attribute eq "value"` of an indexed attribute finds; undefined for any other. */
function lookedUp(shelf, filter) {
    const [only, ...more] = filter;
    const [[name, expression], ...others] = Object.entries(only);
    if (more.length || others.length || !shelf.indexes.has(name.toLowerCase())) return undefined;
    const [operator, value] = Array.isArray(expression) ? expression : [];
    return operator === "eq" && typeof value === "string" ? shelf.with(name, value) : undefined;
}

/** A list of all resources in which only the page asked for is filled in: the library counts, and skips, holes. */
function paged(shelf, {startIndex = 1, count = 20} = {}) {
    const list = new Array(shelf.order.length);
    const end = Math.min(startIndex - 1 + count, list.length);
    // The library cuts off what is before startIndex where that is less than what it gets.
    for (let at = startIndex <= count ? 0 : startIndex - 1; at < end; at++) list[at] = shelf.byId.get(shelf.order[at]);
    return list;
}

const withoutMembers = (resource, attributes) =>
    attributes?.expression?.toLowerCase().includes("members np") ? {...resource, members: undefined} : resource;

function declare(Resource, shelf) {
    SCIMMY.Resources.declare(Resource)
        .ingress((request, instance) => {
            const now = new Date().toISOString();
            const older = request.id ? shelf.byId.get(request.id) : undefined;
            if (request.id && !older) throw new SCIMMY.Types.Error(404, null, `Resource ${request.id} not found`);
            const taken = instance.userName ? shelf.with("userName", instance.userName) : [];
            if (taken.some(({id}) => id !== request.id)) throw new SCIMMY.Types.Error(409, "uniqueness", "userName is taken");
            const resource = {...instance, id: request.id ?? randomUUID(), meta: {created: older?.meta.created ?? now, lastModified: now}};
            shelf.put(resource);
            return resource;
        })
        .egress((request) => {
            if (!request.id) return request.filter ? lookedUp(shelf, request.filter) ?? request.filter.match([...shelf.byId.values()]) : paged(shelf, request.constraints);
            const found = shelf.byId.get(request.id);
            if (!found) throw new SCIMMY.Types.Error(404, null, `Resource ${request.id} not found`);
            return withoutMembers(found, request.attributes);
        })
        .degress((request) => shelf.remove(request.id));
}

SCIMMY.Resources.User.extend(SCIMMY.Schemas.EnterpriseUser, false);
declare(SCIMMY.Resources.User, new Shelf());
declare(SCIMMY.Resources.Group, new Shelf());

const [, , token] = process.argv;
const app = express();
app.use("/scim/v2", new SCIMMYRouters({
    type: "bearer",
    handler: (request) => {
        if (request.header("Authorization") !== `Bearer ${token}`) throw new Error("The token is not valid");
        return "peer";
    },
    baseUri: (request) => `${request.protocol}://${request.header("Host")}`,
}));
const listening = app.listen(0, "127.0.0.1", () => {
    console.log(`http://127.0.0.1:${listening.address().port}/scim/v2`);
});
