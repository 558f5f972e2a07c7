/** The page's few drawings. All are decoration: what they mean is said in words beside them. */

interface IconProps {
  readonly className?: string;
}

/** The product's mark: an eye whose iris is seven small eyes. */
export function Mark({ className }: IconProps) {
  return (
    <svg className={className} viewBox="0 0 32 32" width="32" height="32" aria-hidden="true">
      <path
        d="M3 16C7 9.5 11.200 7 16 7s9 2.500 13 9c-4 6.500-8.200 9-13 9S7 22.500 3 16Z"
        fill="none"
        stroke="currentColor"
        strokeWidth="2.200"
        strokeLinejoin="round"
      />
      <g fill="currentColor">
        <circle cx="16" cy="16" r="2" />
        <circle cx="16" cy="11.600" r="1.400" />
        <circle cx="16" cy="20.400" r="1.400" />
        <circle cx="12.200" cy="13.800" r="1.400" />
        <circle cx="19.800" cy="13.800" r="1.400" />
        <circle cx="12.200" cy="18.200" r="1.400" />
        <circle cx="19.800" cy="18.200" r="1.400" />
      </g>
    </svg>
  );
}

function Icon({ className, path }: IconProps & { readonly path: string }) {
  return (
    <svg
      className={className}
      viewBox="0 0 20 20"
      width="20"
      height="20"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.600"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={path} />
    </svg>
  );
}

export const CameraIcon = (props: IconProps) => (
  <Icon {...props} path="M3 6.500h9.500a1 1 0 0 1 1 1v5a1 1 0 0 1-1 1H3a1 1 0 0 1-1-1v-5a1 1 0 0 1 1-1Zm10.500 3L18 7v6l-4.500-2.500" />
);
export const CameraOffIcon = (props: IconProps) => (
  <Icon {...props} path="M8 6.500h4.500a1 1 0 0 1 1 1v2L18 7v6M12.500 13.500H3a1 1 0 0 1-1-1v-5a1 1 0 0 1 1-1M3 3l14 14" />
);
export const ExpandIcon = (props: IconProps) => <Icon {...props} path="M7 3H3v4M13 3h4v4M7 17H3v-4M13 17h4v-4" />;
export const SunIcon = (props: IconProps) => (
  <Icon {...props} path="M10 6.500a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7ZM10 2v1.500M10 16.500V18M2 10h1.500M16.500 10H18M4.300 4.300l1.100 1.100M14.600 14.600l1.100 1.100M4.300 15.700l1.100-1.100M14.600 5.400l1.100-1.100" />
);
export const MoonIcon = (props: IconProps) => <Icon {...props} path="M16.500 11.800A7 7 0 0 1 8.200 3.500a7 7 0 1 0 8.300 8.300Z" />;
export const LeaveIcon = (props: IconProps) => <Icon {...props} path="M8 3H4a1 1 0 0 0-1 1v12a1 1 0 0 0 1 1h4M13 6l4 4-4 4M17 10H8" />;
export const CloseIcon = (props: IconProps) => <Icon {...props} path="M5 5l10 10M15 5 5 15" />;
export const NewerIcon = (props: IconProps) => <Icon {...props} path="M12.500 4 6.500 10l6 6" />;
export const OlderIcon = (props: IconProps) => <Icon {...props} path="M7.500 4l6 6-6 6" />;
export const NoPictureIcon = (props: IconProps) => (
  <Icon {...props} path="M6.500 4.500H17v9M15 15.500H3v-11M3 13l4-4 3.500 3.500M3 2.500l14 14" />
);
export const SaveIcon = (props: IconProps) => <Icon {...props} path="M10 3v9M6 8.500l4 4 4-4M4 16.500h12" />;
export const PictureIcon = (props: IconProps) => (
  <Icon {...props} path="M3 4.500h14v11H3zM3 13l4-4 3.500 3.500L13 10l4 4M13 8h.01" />
);
