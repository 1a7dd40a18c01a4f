// What each error means and what to do: made of docs/errors.md by `make explanations`.

export const explanations = [
 {
  "name": "InvalidFilter",
  "status": 400,
  "scimType": "invalidFilter",
  "means": [
   "The filter cannot be read, has a value in quotes that are none (typographic ones, back-ticks) or that was percent-encoded twice, is over a limit, names an attribute that nobody knows, that is never returned, or that is made for each answer (`meta.location`), or compares what cannot be compared. A value is written `\"x\"`, or `'x'`, or without quotes where it has none of these signs."
  ],
  "do": [
   "Correct the matching attribute in Entra's mappings, or add the attribute by an extension schema."
  ],
  "entra": [
   "Fails the object, tries again later",
   "Every object of that kind fails, since each is looked up before anything else."
  ],
  "begins": [
   "The value “mira” must be in do",
   "User has no attribute 'userNme"
  ]
 },
 {
  "name": "TooMany",
  "status": 400,
  "scimType": "tooMany",
  "means": [
   "No look-up serves the search, and it would have to read more than `SCIM_SCAN_ROWS` rows or take longer than `SCIM_SCAN_SECONDS`, or compare more than 2,000,000 values; or a page has more than 200,000 memberships, or one resource more than 500,000, which are too many to look at or to show in a search."
  ],
  "do": [
   "Choose a matching attribute that is fast to find. If the attribute is listed in the detail, its rows are not complete yet (the same section says how to make them), or more than `SCIM_SCAN_ROWS` resources have the value. For memberships ask for a smaller `count` or for `excludedAttributes=members`. Where the detail names one group, compare members by `members.value eq` only, which reads none of the others. Of `/access` ask for fewer users, or without nested groups."
  ],
  "entra": [
   "Fails the object, tries again later",
   "Every object that is matched by that attribute fails."
  ],
  "begins": [
   "The search would read more tha"
  ]
 },
 {
  "name": "Uniqueness",
  "status": 409,
  "scimType": "uniqueness",
  "means": [
   "Another resource has the `userName`, the `displayName` of a group, or the value of an extension attribute that is unique. Names compare without letter case (Unicode, also compatibility forms). Inactive resources count; deleted ones do not."
  ],
  "do": [
   "Look the other resource up by the id in the detail. The same person twice: correct the matching attribute, or delete one. Two people: change one name in the directory. Groups: Entra allows two groups of one name, this service does not, since Entra finds groups by name; rename one. (A blank more makes another name, `\"Eng \"` is not `\"Eng\"`; `verify` lists such pairs.)"
  ],
  "entra": [
   "Fails the object, tries again later",
   "Logs a conflict. After a lost answer it is harmless: the next attempt finds the resource and goes on."
  ],
  "begins": []
 },
 {
  "name": "Mutability",
  "status": 400,
  "scimType": "mutability",
  "means": [
   "A PATCH has the path of a read-only attribute (`meta`, `groups`), whatever the value, or another `id` than the resource's own, changes an `immutable` attribute, takes away a required one, or removes `active`."
  ],
  "do": [
   "Delete the mapping whose target is named. `id` and `groups` are never targets. Read-only attributes inside the body of a POST or PUT, or inside the object of a PATCH without path, are no error: clients echo them, and they are ignored."
  ],
  "entra": [
   "Fails the object, tries again later"
  ],
  "begins": [
   "Operation 1, remove active: ac",
   "Operation 1, replace id: id is"
  ]
 },
 {
  "name": "InvalidSyntax",
  "status": 400,
  "scimType": "invalidSyntax",
  "means": [
   "The body is not the JSON message that is wanted: no JSON, not UTF-8, a name twice in one object, `NaN`, too deep, an `op` that does not exist, no `Operations`, an `add` or `replace` without `value`, or a change of members in the form of SCIM 1.1. Or the body did not arrive: the Functions host passes none on that is sent with `Transfer-Encoding: chunked`. Or the header `Authorization` came twice. Or the credential is strict, and the request names what no schema knows, or has a PATCH operation without a path."
  ],
  "do": [
   "Nothing in Entra sends this. In another client, switch it from SCIM 1.1 to 2.0; or give it a credential that is not strict."
  ],
  "entra": [
   "Fails the object, tries again later"
  ],
  "begins": [
   "The body must be a PatchOp wit"
  ]
 },
 {
  "name": "InvalidPath",
  "status": 400,
  "scimType": "invalidPath",
  "means": [
   "What stands in brackets behind the name of an attribute cannot be read, the attribute cannot be written to in this way (`members.value`), or members are selected by a part of `$ref`, an address that is made for each answer; select them by `value`. (What can be no attribute of ours, such as `/displayName` or `cost code`, is ignored with a line in the log, as any path that no schema knows, so that one mapping too many does not fail the user.)"
  ],
  "do": [
   "Correct the spelling of the target attribute in the mappings; brackets and quotes must be closed."
  ],
  "entra": [
   "Fails the object, tries again later"
  ],
  "begins": [
   "Operation 1, add emails[type e"
  ]
 },
 {
  "name": "NoTarget",
  "status": 400,
  "scimType": "noTarget",
  "means": [
   "A remove operation has no path, or a value filter selects nothing and does not describe a value that could be made. (`emails[type eq \"work\"].value` where there is no work e-mail is no error: it comes to be.) Or `emails.value` is replaced, without saying which, where there are several and none of them is primary."
  ],
  "do": [
   "In mappings use filters with `eq` only, as in `emails[type eq \"work\"].value`."
  ],
  "entra": [
   "Fails the object, tries again later"
  ],
  "begins": [
   "Operation 1, replace emails[va",
   "Operation 1, replace phoneNumb"
  ]
 },
 {
  "name": "InvalidValue",
  "status": 400,
  "scimType": "invalidValue",
  "means": [
   "A value is missing or does not fit its attribute: a required attribute is empty, the type is wrong, two values are primary, a name is blank, an address has blanks in it, an attribute or a query parameter is given twice with different values, a member does not exist, `members` is replaced with null, a resource has more look-up values than can be kept, a guard of the tenant stands in the way, or a query parameter is not as it should be: an unknown `sortBy`, a `sortOrder` that is neither `ascending` nor `descending`, or more names than the limit."
  ],
  "do": [
   "Correct the expression of the mapping that the detail names. A blank in an address is written `%20`. For a missing member: was it deleted here behind Entra's back? Then *Restart provisioning* makes it again."
  ],
  "entra": [
   "Fails the object, tries again later",
   "Fails the object. Members count as references, which do not count for the 40 %."
  ],
  "begins": [
   "Operation 1, replace active: a",
   "Operation 1, replace userName:",
   "members: no user or group has ",
   "profileUrl must be an address,",
   "userName is required and must "
  ]
 },
 {
  "name": "InvalidCursor",
  "status": 400,
  "scimType": "invalidCursor",
  "means": [
   "The cursor is made up, or belongs to another search, or to the feed of another directory."
  ],
  "do": [
   "Begin the walk anew with an empty `cursor`; cursors of a search do not expire. A reader of the feed takes the one that it has kept, or begins anew."
  ],
  "entra": [
   "Does not page by cursor"
  ],
  "begins": [
   "The cursor does not belong to "
  ]
 },
 {
  "name": "InvalidCount",
  "status": 400,
  "scimType": "invalidCount",
  "means": [
   "`count` is not a number, or given twice with different values. An empty one is as good as none. Too large a number is no error: 1,000 is served instead."
  ],
  "do": [
   "Correct the client."
  ],
  "entra": [
   "Does not send it"
  ],
  "begins": [
   "count: must be a whole number."
  ]
 },
 {
  "name": "Unauthorized",
  "status": 401,
  "scimType": "",
  "means": [
   "No token, or one that is not valid; and a tenant that does not exist, is suspended or deleted, or that the credential does not belong to: which of these is told to nobody. `WWW-Authenticate: Bearer` says `error=\"invalid_token\"` when a token came, and with `resource_metadata` where OAuth clients learn how to get one."
  ],
  "do": [
   "Paste the current token into *Admin credentials* and press *Test Connection*. Watch for a blank or a line break at its end. If it is the current one: `/health` says when no version in the key vault is enabled, begun and unexpired; only the two newest of those are valid. Rotate shows how to list and add versions."
  ],
  "entra": [
   "**Quarantine at once**",
   "Puts the job into quarantine at once; the first success lifts it."
  ],
  "begins": [
   "Send the secret token as 'Auth",
   "The token is not valid. Copy t"
  ]
 },
 {
  "name": "Forbidden",
  "status": 403,
  "scimType": "",
  "means": [
   "Only discovery answers it, to a `filter` (RFC 7644 section 4).",
   "A 403 **without** a SCIM body comes from Azure, not from the service: access restrictions of the function app, or a proxy. Below `/manage` and `/console` it may be `SCIM_MANAGE_ADDRESSES`, which the answer names."
  ],
  "do": [
   "See deploy."
  ],
  "entra": [
   "Does not ask for it"
  ],
  "begins": [
   "Discovery does not take filter"
  ]
 },
 {
  "name": "InsufficientScope",
  "status": 403,
  "scimType": "",
  "means": [
   "The token is valid, and its credential is not for this: one of scope `read` may read and search, one of scope `events` sees no directory, and those of scope `admin` and `operator` manage tenants and pass on no SCIM route. The header `WWW-Authenticate` names the scope that is needed."
  ],
  "do": [
   "Give Entra a credential of scope `provision`."
  ],
  "entra": [
   "**Quarantine at once**",
   "Test Connection fails. 401 and 403 to a running job put it into quarantine at once."
  ],
  "begins": [
   "The credential's scope is 'rea"
  ]
 },
 {
  "name": "NotFound",
  "status": 404,
  "scimType": "",
  "means": [
   "No resource has the id, or there is no such address.",
   "A search that finds nothing is 200 with an empty list, never 404. From `/access` it says that the application has no such user, and is no fault. A 404 **without** a SCIM body, on every address, comes from the Functions host: the app did not start (why), or it is another host."
  ],
  "do": [
   "For an address, correct the Tenant URL: it ends in `/scim/v2`. For an id: somebody deleted the resource outside of Entra. Provision it on demand, or restart provisioning, and Entra matches or creates it."
  ],
  "entra": [
   "Loses hold of the object; on the address itself **quarantine at once**",
   "An unknown id is logged as an invalid anchor, and the object stays stuck until it is matched again. 404 to Test Connection or to a search quarantines the job at once."
  ],
  "begins": [
   "No User has the id '0000000000",
   "There is no endpoint /Users. T"
  ]
 },
 {
  "name": "MethodNotAllowed",
  "status": 405,
  "scimType": "",
  "means": [
   "With `Allow`. The address exists and does not take the method."
  ],
  "do": [
   "Correct the client."
  ],
  "entra": [
   "Does not send it"
  ],
  "begins": [
   "DELETE is not for /scim/v2/Use"
  ]
 },
 {
  "name": "Conflict",
  "status": 409,
  "scimType": "",
  "means": [
   "Without `scimType`, inside a Bulk response. A reference stands for no resource that the request has made. `bulkId:q` is a reference in the path of an operation and in attributes that have a `value` and a `$ref`, such as `members` and `manager`, also in a path such as `members[value eq \"bulkId:q\"]`; as a name or another text it is what it says. An operation that holds one may name 20,000 attributes; beyond that it is answered 413.",
   "From `/access` it says that two users have the externalId that was asked for."
  ],
  "do": [
   "Look for the operation that failed before.",
   "Ask by the id of the right one; take the externalId from the other, at its source."
  ],
  "entra": [
   "Uses neither Bulk nor `/access`"
  ],
  "begins": [
   "More than one User has the ext",
   "bulkId 'q' stands for no resou"
  ]
 },
 {
  "name": "CursorExpired",
  "status": 410,
  "scimType": "cursor_expired",
  "means": [
   "The cursor of the feed leads to events that are not kept any more, or there was a restore since."
  ],
  "do": [
   "As the detail says; the application behind it has the steps."
  ],
  "entra": [
   "Does not read events"
  ],
  "begins": [
   "The cursor is older than what "
  ]
 },
 {
  "name": "PreconditionFailed",
  "status": 412,
  "scimType": "",
  "means": [
   "`If-Match` names another version than the current one; or `If-None-Match`, on a change, names the current one or is `*`."
  ],
  "do": [
   "Read the resource again and repeat the change on what you find. A change of members gives the group and each of those members a new version."
  ],
  "entra": [
   "Sends neither If-Match nor If-None-Match"
  ],
  "begins": [
   "If-Match names another version"
  ]
 },
 {
  "name": "PayloadTooLarge",
  "status": 413,
  "scimType": "",
  "means": [
   "The body has more than 1 MiB or 20,000 values (4 MiB and 300,000 for a group or a Bulk request, 64 KiB and 2,000 for a `.search`; a value is about a comma or an opening bracket), a Bulk request more than 1,000 operations, a PATCH more than 10,000, a PATCH would compare more than 50,000 values (some hundred operations on one list of some hundred values; lists of members do not count), a request has more than 1,000 names that no schema knows, or what would be stored is too large."
  ],
  "do": [
   "Send less at once. A mapping that puts a photo or a certificate into an attribute is the likely cause."
  ],
  "entra": [
   "Fails the object, tries again later"
  ],
  "begins": [
   "The body has 4,300,000 bytes; "
  ]
 },
 {
  "name": "UnsupportedMediaType",
  "status": 415,
  "scimType": "",
  "means": [
   "With `Accept-Encoding: identity`. The body is compressed, or says so in `Content-Encoding`."
  ],
  "do": [
   "Switch compression of requests off in the client, or in the proxy before this service. Answers may be compressed by what stands between."
  ],
  "entra": [
   "Does not compress what it sends"
  ],
  "begins": [
   "The body is sent with Content-"
  ]
 },
 {
  "name": "TooManyRequests",
  "status": 429,
  "scimType": "",
  "means": [
   "With `Retry-After`, and the fields `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11). One credential sends more than its share, or has more requests under way than its half of the instance while others are served too.",
   "Or more than a hundred tokens that are not valid, secrets of OAuth clients among them, came from one address within a minute: *More than 100 tokens that are not valid came from this address within a minute*. A valid token is never refused for them.",
   "A 429 without a SCIM body comes from Azure."
  ],
  "do": [
   "Nothing for Entra, which sends 25 requests a second at most and never meets the limit. Another client waits for as long as it is told; or give its tenant a larger share: `python -m scim tenant change KEY --rate 300 --burst 600`."
  ],
  "entra": [
   "Slows down, tries again",
   "Slows down and tries again."
  ],
  "begins": [
   "The credential sends more requ"
  ]
 },
 {
  "name": "500",
  "status": 500,
  "scimType": "",
  "means": [
   "A bug in the service. The body names the request; the log has the traceback under the same id."
  ],
  "do": [
   "Look the id up in Application Insights, and report it with the traceback. A change is stored whole or not at all, large changes of members excepted."
  ],
  "entra": [
   "Tries again in the next cycle",
   "Tries again in the next cycle."
  ],
  "begins": [
   "Internal error; the log has it"
  ]
 },
 {
  "name": "FeedBroken",
  "status": 500,
  "scimType": "",
  "means": [
   "In the feed alone. An event that was numbered is not there, which only a fault of this service or a row deleted by hand can cause. Readers are stopped, since they would go past a change that nobody told them of."
  ],
  "do": [
   "Run the command, and report it."
  ],
  "entra": [
   "Does not read events"
  ],
  "begins": [
   "The event after number 0 is mi"
  ]
 },
 {
  "name": "NotImplementedHere",
  "status": 501,
  "scimType": "",
  "means": [
   "`/Me` only: the caller is a provisioning service and no user."
  ],
  "do": [],
  "entra": [
   "Does not ask for it"
  ],
  "begins": [
   "The caller is a provisioning s"
  ]
 },
 {
  "name": "Unavailable",
  "status": 503,
  "scimType": "",
  "means": [
   "With `Retry-After`. Storage or key vault does not answer, refuses the app, or lacks the table; a resource is being changed by too many requests at once; or a request was not finished within `SCIM_REQUEST_SECONDS`. `Retry-After` is 30 where the storage may still do what it has not answered: repeat the request at any time, but wait so long before you ask for the opposite.",
   "Storage that throttles is 503 here, never 429."
  ],
  "do": [
   "Open `/health` on the host, without a token: it says which part does not answer. Then operations."
  ],
  "entra": [
   "Tries again in the next cycle",
   "Tries again in the next cycle, about 40 minutes later. Nothing is lost: a change is stored whole or not at all, except that a very large change of members may be stored in part, and the repeated request adds the rest."
  ],
  "begins": [
   "No token could be read from Ke",
   "Table Storage does not answer ",
   "Table Storage refuses the app "
  ]
 }
]

export const escrow = "*Tries again later* is Entra's escrow: the object is tried in the next cycle, then 6, 12 and 24 hours after the failure, then daily, for 28 days. Beside that, many failures quarantine the whole job: from 5,000 failures on when more than 40 % of objects fail, or above 40,000, or above 60,000 with references counted. A job in quarantine runs once a day, and is switched off after four weeks. The first success lifts it."
