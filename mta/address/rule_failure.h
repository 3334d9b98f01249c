// Words for who watches: why a control of a rewrite rule did not hold. Private to mta/address.
#pragma once

#include <string>

#include "mta/address/rewrite.h"

namespace waxwing::mta {

// As it stands in a template, arguments left out: "$V", "${INTERNAL_IP,...}".
std::string step_text(const Step& step);
std::string why_step_fails(const Step& step, const RewriteRequest& request);
// "right of @", "in a source route"...
std::string origin_text(RewriteRequest::Origin origin);

}  // namespace waxwing::mta
