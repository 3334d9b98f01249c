// The parts of a message that config/conversions tells about, and which entry is for which part. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/mail/mime.h"
#include "common/mail/parameters.h"
#include "mta/config/conversions.h"

namespace waxwing::mta::form {

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

// The first entry with that clause ("command" or delete, "service-command", relabel) that fits; null when there is
// none. One with relabel has no other use.
const ConversionEntry* entry_for(const Conversions& conversions, const MessageFacts& facts,
                                 const ConversionPart& part);
const ConversionEntry* service_for(const Conversions& conversions, const MessageFacts& facts,
                                   const ConversionPart& root);
const ConversionEntry* relabel_for(const Conversions& conversions, const MessageFacts& facts,
                                   const ConversionPart& part);

// The parameter that clause <family>-name-n picks ("in-parameter", "in-dparameter"); without that clause the one
// called fallback. "" when there is none and no default.
std::string picked_parameter(const ConversionEntry& entry, const std::string& family, unsigned n,
                             const mail::ParameterizedValue& value, std::string_view fallback);

// "out-parameter" and "parameter-copy", or the same of Content-Disposition with a d before parameter. keep: of a value
// that stays what it was, all parameters stay.
std::string label_parameters(const ConversionEntry& entry, const std::string& kind,
                             const mail::ParameterizedValue& old, bool keep);

}  // namespace waxwing::mta::form
