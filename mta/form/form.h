// The form of a message: what the keywords of the channel it comes from and of the one it goes to make of its
// bytes. Most channels ask for nothing, and then nothing is read or written twice.
//
// A form is worked out per destination channel when a message is complete, and shaped on a worker: it may ask
// mappings and the directory. imta.cnf(5) tells what each keyword does.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "mta/address/context.h"
#include "mta/form/body_form.h"
#include "mta/form/fragments.h"
#include "mta/form/header_form.h"

namespace waxwing::mta::form {

struct Form {
  HeaderForm header;
  BodyForm body;
  FragmentLimits fragments;
  MessageFacts way;  // for body.reformat: the channels and tags that CHARSET-CONVERSION is asked about

  bool plain() const { return header.plain() && body.plain() && !cuts(); }
  bool cuts() const { return fragments.max_bytes > 0 || fragments.max_lines > 0; }
  bool needs_body() const { return !body.plain() || cuts() || header.needs_body(); }
};

// source: null for none. config must outlive the form.
Form form_of(const MtaConfig& config, const Channel* source, const Channel& destination);

struct Subject {
  std::vector<std::string> recipients;  // addresses of the queue file
  RewriteHeader rewrite_inner;
  // A part that stays as it is although CHARSET-CONVERSION would have it otherwise: its number, and why.
  std::function<void(const std::string& part, std::string_view why)> note;
};
// header and body as they lie in the queue; an empty body does for a form that does not need it. Takes up to
// kCopies times the memory of the message. Errors of mappings and directory go through.
inline constexpr std::uint64_t kCopies = 3;
Result<Pieces> shape(const Lookup& lookup, const Form& form, std::string message, const Subject& subject);

}  // namespace waxwing::mta::form
