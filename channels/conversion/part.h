// The parts of a message that conversions look at, and which entry is for which part. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/mail/mime.h"
#include "common/mail/parameters.h"
#include "mta/config/conversions.h"

namespace waxwing::channels {

// What all parts of a message have in common.
struct MessageFacts {
  std::string in_channel, out_channel;
  std::vector<std::string> tags;
  std::string subject;  // decoded
};

// A leaf of the message's structure; also of messages inside.
struct ConversionPart {
  std::size_t index = 0;                                // in Mime::parts
  std::string number;                                   // "1", "2.1": RFC 3501, as BODY[] counts
  unsigned attachment = 0;                              // from 1
  std::string type, subtype, description, disposition;  // lower case, but description: decoded
  mail::ParameterizedValue content_type, content_disposition;
};

std::vector<ConversionPart> parts_of(const mail::Mime& mime);

// The first entry with that clause ("command" or delete, "service-command") that fits; null when there is none.
const mta::ConversionEntry* entry_for(const mta::Conversions& conversions, const MessageFacts& facts,
                                      const ConversionPart& part);
const mta::ConversionEntry* service_for(const mta::Conversions& conversions, const MessageFacts& facts,
                                        const ConversionPart& root);

// The parameter that clause <family>-name-n picks ("in-parameter", "in-dparameter"); without that clause the one
// called fallback. "" when there is none and no default.
std::string picked_parameter(const mta::ConversionEntry& entry, const std::string& family, unsigned n,
                             const mail::ParameterizedValue& value, std::string_view fallback);

}  // namespace waxwing::channels
