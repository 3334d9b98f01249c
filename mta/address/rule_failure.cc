#include "mta/address/rule_failure.h"

namespace waxwing::mta {

std::string step_text(const Step& step) {
  switch (step.kind) {
    case StepKind::ldap:
      return "$]...[";
    case StepKind::mapping:
      return "${" + step.text + ",...}";
    case StepKind::domain_attribute:
      return "$}...," + step.text + "{";
    case StepKind::general:
      return "$(...)";
    case StepKind::site_routine:
      return "$[" + step.text + ",...]";
    case StepKind::local_domain:
      return "$V";
    case StepKind::not_local_domain:
      return "$Z";
    case StepKind::only_envelope:
      return "$E";
    case StepKind::only_header:
      return "$B";
    case StepKind::only_forward:
      return "$F";
    case StepKind::only_backward:
      return "$R";
    case StepKind::check_now:
      return "$1~";
    default:
      return "a control";
  }
}

std::string why_step_fails(const Step& step, const RewriteRequest& request) {
  const std::string kind = request.envelope ? "an envelope" : "a header";
  const std::string direction = request.forward ? "forward" : "backward";
  switch (step.kind) {
    case StepKind::only_envelope:
    case StepKind::only_header:
      return step_text(step) + ": this is " + kind + " address";
    case StepKind::only_forward:
    case StepKind::only_backward:
      return step_text(step) + ": this address points " + direction;
    case StepKind::local_domain:
      return "$V: the domain is not local";
    case StepKind::not_local_domain:
      return "$Z: the domain is local";
    case StepKind::mapping:
      return step_text(step) + ": the table does not say $Y";
    default:
      return step_text(step) + ": nothing found";
  }
}

std::string origin_text(RewriteRequest::Origin origin) {
  using enum RewriteRequest::Origin;
  return origin == at        ? "right of @"
         : origin == percent ? "right of %"
         : origin == bang    ? "left of !"
                             : "in a source route";
}

}  // namespace waxwing::mta
