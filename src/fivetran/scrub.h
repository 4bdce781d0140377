// SPDX-License-Identifier: Apache-2.0
// Which values of a configuration are secrets: the protocol says it only of fields in a form.
#pragma once

#include "sluice/form.h"
#include "wire/secrets.h"

namespace sluice::fivetran {

/// Adds those that the form calls a password, hidden or an upload, those whose name says so
/// (password, token, secret, api_key, ..), those that look random (16 characters or more, letters
/// and digits), and the password of a URL. Ports, hosts and names of tables stay readable.
void add_secrets(wire::Secrets& secrets, const sdk::Configuration& configuration,
                 const sdk::Form& form);

}  // namespace sluice::fivetran
